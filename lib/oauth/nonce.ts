import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'

/** Nonces that proofs must carry (RFC 9449 §9): nothing is stored, a nonce is the time and a MAC of it. */
export interface Nonces {
  issue (now: number): string
  isGood (nonce: unknown, now: number): boolean
}

/**
 * @param secret shared by the processes of one API, whose clocks may differ
 * @param life seconds that a nonce is good
 */
export function createNonces (secret: string | undefined, life: number): Nonces {
  const key = secret ?? randomBytes(32)
  const sign = (at: string) => createHmac('sha256', key).update(at).digest('base64url')

  return {
    issue (now) {
      const at = Math.floor(now).toString(36)
      return `${at}.${sign(at)}`
    },
    isGood (nonce, now) {
      if (typeof nonce !== 'string') return false
      const [at = '', mac = ''] = nonce.split('.')
      const age = now - Number.parseInt(at, 36)
      return Math.abs(age) < life * 1000 && equal(mac, sign(at))
    }
  }
}

function equal (given: string, right: string): boolean {
  return Buffer.byteLength(given) === Buffer.byteLength(right) && timingSafeEqual(Buffer.from(given), Buffer.from(right))
}
