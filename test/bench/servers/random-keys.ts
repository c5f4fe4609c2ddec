import { randomBytes } from 'node:crypto'

/** As long as Latchkey's: 43 characters of secret and 6 of checksum behind the prefix. */
export function randomKeys (count: number): string[] {
  return Array.from({ length: count }, () => `acme_live_${randomBytes(25).toString('hex').slice(0, 49)}`)
}
