import { takeFolder } from '../../lib/postgres/folder.js'

/** Takes the folder of FOLDER, says so, and keeps it until it is killed. */
try {
  await takeFolder(String(process.env.FOLDER))
  console.log('taken')
  setInterval(() => {}, 1000)
} catch (fault) {
  console.log(fault instanceof Error ? fault.name : fault)
}
