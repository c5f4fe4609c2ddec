/**
 * Without user information, and without what `URL` would drop or read as something else: spaces, control characters,
 * `\` and lone surrogates.
 */
const HTTP_URI = /^https?:\/\/[^\s\p{Cc}\p{Surrogate}\\/?#@]+([/?#][^\s\p{Cc}\p{Surrogate}\\]*)?$/iu

/**
 * A URL as RFC 9449 §4.3 has it compared: without query and fragment, after syntax- and scheme-based normalization
 * (RFC 3986 §6.2.2 and §6.2.3).
 * @returns undefined for anything but an absolute http or https URI
 */
export function normalizeUrl (text: unknown): string | undefined {
  if (typeof text !== 'string' || !HTTP_URI.test(text) || !URL.canParse(text)) return undefined
  const { origin, pathname } = new URL(text)
  return origin + pathname.replace(/%([\dA-F]{2})/gi, normalizeOctet)
}

/** §6.2.2.1: hexadecimal digits in capitals; §6.2.2.2: unreserved characters as themselves. */
function normalizeOctet (encoded: string, digits: string): string {
  const character = String.fromCharCode(Number.parseInt(digits, 16))
  return /[\w.~-]/.test(character) ? character : encoded.toUpperCase()
}
