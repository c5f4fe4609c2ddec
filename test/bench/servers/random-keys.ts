import { randomBytes } from 'node:crypto'

/** @param length as long as Latchkey's by default: 43 characters of secret and 6 of checksum behind the prefix */
export function randomKeys (count: number, length = 49): string[] {
  return Array.from({ length: count }, () => `acme_live_${randomBytes(Math.ceil(length / 2)).toString('hex').slice(0, length)}`)
}
