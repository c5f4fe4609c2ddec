import { describeFault } from '../../core/errors.js'

/** The part of Fastify's logger that hears of changes: one line each, without addresses or credentials. */
export interface Log {
  info (fields: object, message: string): void
  warn (fields: object, message: string): void
}

/** For hosts that hand in no logger: what needs attention becomes a warning of the process. */
export const processWarnings: Log = {
  info () {},
  warn ({ ...fields }, message) {
    process.emitWarning(`${message} ${JSON.stringify(fields)}`, { type: 'LatchkeyWarning', code: 'LATCHKEY_REDIS' })
  }
}

/** A log that throws keeps nobody from being answered: what it was told becomes a warning of the process. */
export function harmless (log: Log): Log {
  function attempt (write: () => void, message: string): void {
    try {
      write()
    } catch (fault) {
      processWarnings.warn({ log: describeFault(fault) }, message)
    }
  }
  return {
    info: (fields, message) => attempt(() => log.info(fields, message), message),
    warn: (fields, message) => attempt(() => log.warn(fields, message), message)
  }
}
