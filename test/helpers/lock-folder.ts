import { lockFolder } from '../../lib/postgres/folder-lock.js'

/** Locks FOLDER, prints whether it could, and keeps the lock until the process is killed. */
try {
  await lockFolder(String(process.env.FOLDER))
  console.log('locked')
  setInterval(() => {}, 1000)
} catch (error) {
  console.log(error instanceof Error ? error.name : error)
}
