export interface Challenge { readonly scheme: string, readonly params: ReadonlyMap<string, string> }

const TOKEN = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y
const QUOTED = /"((?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t\x20-\x7e\x80-\xff])*)"/y

/** One challenge of WWW-Authenticate, by the grammar of RFC 9110 §11.6.1: auth-scheme 1*SP #auth-param. */
export function parseChallenge (text: unknown): Challenge {
  if (typeof text !== 'string') throw new TypeError('there is no challenge')
  let at = 0
  const match = (rule: RegExp): RegExpExecArray => {
    rule.lastIndex = at
    const found = rule.exec(text)
    if (found === null) throw new SyntaxError(`${rule} does not match ${JSON.stringify(text)} at ${at}`)
    at = rule.lastIndex
    return found
  }
  const [scheme] = match(TOKEN)
  match(/ +/y)
  const params = new Map<string, string>()
  for (let more = true; more; more = at < text.length) {
    if (params.size > 0) match(/[ \t]*,[ \t]*/y)
    const name = match(TOKEN)[0].toLowerCase()
    match(/[ \t]*=[ \t]*/y)
    const value = match(QUOTED)[1] ?? ''
    if (params.has(name)) throw new SyntaxError(`${name} twice`)
    params.set(name, value.replace(/\\(.)/g, '$1'))
  }
  return { scheme, params }
}
