import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'

/** Nonces that proofs must carry (RFC 9449 §9). Nothing is stored: a nonce is the time and a MAC of it. */
export interface Nonces {
  issue (now: number): string
  isGood (nonce: unknown, now: number): boolean
}

/**
 * @param secret shared by the processes of one API; one of this process where undefined
 * @param lifetime seconds that a nonce is good, before and after it was issued: clocks of processes may differ
 */
export function createNonces (secret: string | undefined, lifetime: number): Nonces {
  const macSecret = secret ?? randomBytes(32)
  const macOf = (time: string) => createHmac('sha256', macSecret).update(time).digest('base64url')

  return {
    issue (now) {
      const time = Math.floor(now).toString(36)
      return `${time}.${macOf(time)}`
    },
    isGood (nonce, now) {
      if (typeof nonce !== 'string') return false
      const [time = '', mac = ''] = nonce.split('.')
      const age = now - Number.parseInt(time, 36)
      return Math.abs(age) < lifetime * 1000 && isEqual(mac, macOf(time))
    }
  }
}

function isEqual (given: string, right: string): boolean {
  const [one, other] = [Buffer.from(given), Buffer.from(right)]
  return one.length === other.length && timingSafeEqual(one, other)
}
