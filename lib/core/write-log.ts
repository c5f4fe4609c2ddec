import { describeFault } from './errors.js'

/**
 * Writes a line of the host's log. Where the log throws, the line becomes a warning of the process: a request is
 * answered nevertheless, and no promise is left that rejects.
 */
export function writeLog (write: () => void, message: string): void {
  try {
    write()
  } catch (fault) {
    const fields = JSON.stringify({ log: describeFault(fault) })
    process.emitWarning(`${message} ${fields}`, { type: 'LatchkeyWarning', code: 'LATCHKEY_LOG' })
  }
}
