import { portOf } from '../doors.js'
import { createTarget } from './target.js'

/** The target of a sweep in a process of its own: a line of its output says where it listens and which secrets it holds. */
const { app, secrets } = await createTarget({ level: 'trace' }, {})
console.log(JSON.stringify({ target: { port: portOf(app.server), secrets } }))
