import { writeLog } from '../../core/write-log.js'

/** The part of Fastify's logger that the store uses: one line for each change, without addresses or credentials. */
export interface Log {
  info (fields: object, message: string): void
  warn (fields: object, message: string): void
}

/** For hosts that give no logger: a warning becomes a warning of the process. */
export const processWarnings: Log = {
  info () {},
  warn ({ ...fields }, message) {
    process.emitWarning(`${message} ${JSON.stringify(fields)}`, { type: 'LatchkeyWarning', code: 'LATCHKEY_REDIS' })
  }
}

/** A log that never throws, so that no request waits for it in vain: its line becomes a warning of the process. */
export function safeLog (log: Log): Log {
  return {
    info: (fields, message) => writeLog(() => log.info(fields, message), message),
    warn: (fields, message) => writeLog(() => log.warn(fields, message), message)
  }
}
