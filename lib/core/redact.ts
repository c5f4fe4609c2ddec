/**
 * Replaces secrets in text that will be shown by `…`: API keys and other long random runs, JSON Web Tokens, credentials
 * after their scheme or field, user information of URLs, and the query and fragment of all that looks like a URL. It
 * removes rather too much than too little: from a `?` to the next space.
 */
export function redact (text: string): string {
  return conceal(text).replace(QUERY, '$1…')
}

/** The same for a line of JSON, which stays JSON. */
export function redactLine (line: string): string {
  return conceal(line).replace(QUERY_IN_JSON, '$1…')
}

/** The path of a request target (RFC 9112 §3.2): without query and fragment, and without what may be a secret. */
export function pathOf (target: string): string {
  const end = target.search(/[?#;]/)
  return conceal(end < 0 ? target : target.slice(0, end))
}

/** Redacts `text` and removes `secret` from it: resolvers may quote the credential that they refuse. */
export function redactSecret (text: string, secret: string): string {
  return redact(text.replaceAll(secret, '…'))
}

/** All of them take linear time: in a run of characters that one reads over, it can start in one place only. */
const AFTER_SCHEME = /\b(bearer|basic|dpop) +[\w.~+/-]{16,}=*/gi
const AFTER_FIELD = /(api-?key"?[:,=] ?"?)[\w.~+/-]{16,}=*/gi
const JSON_WEB_TOKEN = /(?<![\w.-])eyJ[\w.-]{20,}/g
const AFTER_TAG = /(_[a-z0-9]{1,16}_)[0-9A-Za-z]{20,}/g
const LONG_RUN = /(?<![0-9A-Za-z])[0-9A-Za-z]{43,}/g
const USER_INFORMATION = /\/\/(?:[^\s/@"\\]|\\.)*@/g
const QUERY = /([?#])(?<=\?|[\w/*%~-]#)[^ \t\r\n]+/g
const QUERY_IN_JSON = /([?#])(?<=\?|[\w/*%~-]#)(?:[^ "\\]|\\[^nrt])+/g

function conceal (text: string): string {
  return text
    .replace(AFTER_SCHEME, '$1 …')
    .replace(AFTER_FIELD, '$1…')
    .replace(JSON_WEB_TOKEN, '…')
    .replace(AFTER_TAG, '$1…')
    .replace(LONG_RUN, '…')
    .replace(USER_INFORMATION, '//…@')
}
