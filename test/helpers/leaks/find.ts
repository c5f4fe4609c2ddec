/** A secret that must not show, by name. */
export type Canaries = Readonly<Record<string, string>>

/** This much of a secret is too much. */
const SLICE = 12

/** Finds what of `canaries` shows in `text`, plainly or as loggers and attackers disguise it: `name in disguise`. */
export function findLeaks (canaries: Canaries, text: string): string[] {
  const slices = new Map<string, string>()
  for (const [name, secret] of Object.entries(canaries)) {
    const folded = secret.toLowerCase()
    for (let at = 0; at + SLICE <= folded.length; at++) slices.set(folded.slice(at, at + SLICE), name)
  }
  const found = new Set<string>()
  for (const [disguise, shown] of disguises(text)) {
    const folded = shown.toLowerCase()
    for (let at = 0; at + SLICE <= folded.length; at++) {
      const name = slices.get(folded.slice(at, at + SLICE))
      if (name !== undefined) found.add(`${name} ${disguise}`)
    }
  }
  return [...found].sort()
}

/** The text, and what is in it when it is decoded. */
function * disguises (text: string): Generator<[string, string]> {
  const plain = text.replace(/\\u([0-9a-f]{4})/gi, (_all, hex: string) => String.fromCharCode(parseInt(hex, 16)))
  yield ['as it is', plain]
  yield ['percent-encoded', plain.replace(/(?:%[0-9a-f]{2})+/gi, (escapes) => Buffer.from(escapes.replaceAll('%', ''), 'hex').toString('latin1'))]
  yield ['reversed', [...plain].reverse().join('')]
  yield ['in bytes', join(plain, /\d{1,3}(?:\s*,\s*\d{1,3}){5,}/g, (list) => Buffer.from(list.split(',').map(Number)).toString('latin1'))]
  yield ['in hex', join(plain, /(?:[0-9a-f]{2}[\s:]?){6,}/gi, (hex) => Buffer.from(hex.replace(/[\s:]/g, ''), 'hex').toString('latin1'))]
  for (const shift of [0, 1, 2, 3]) {
    yield ['in base64', join(plain, /[\w+/-]{12,}/g, (base64) => Buffer.from(base64.slice(shift), 'base64').toString('latin1'))]
  }
}

function join (text: string, pattern: RegExp, decode: (match: string) => string): string {
  return (text.match(pattern) ?? []).map(decode).join('\n')
}
