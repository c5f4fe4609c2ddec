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
