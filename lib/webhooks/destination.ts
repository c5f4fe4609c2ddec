import { isIP } from 'node:net'
import { isPublicAddress } from './address.js'
import type { Resolve } from './resolve.js'

/**
 * Lets endpoints be anywhere: private addresses, any port, and plain HTTP. For local development and tests: whoever may
 * register an endpoint makes this server talk to its own network. Import it by name: `destinations: allowPrivateAddresses`.
 */
export const allowPrivateAddresses: unique symbol = Symbol('latchkey.allowPrivateAddresses')

export interface DestinationTerms {
  /** Nothing is asked of addresses, ports and scheme. */
  readonly anywhere: boolean
  readonly resolve: Resolve
}

const MOST = 2048

/** The URL in its normal form, or what is wrong with it. Says nothing of addresses that a name has. */
export function readDestination (text: string, anywhere: boolean): { readonly url: URL } | { readonly fault: string } {
  const url = text.length <= MOST && URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || /[\s\\]|\p{Cc}/u.test(text)) return { fault: `must be an absolute URL of at most ${MOST} characters` }
  if (url.protocol !== 'https:' && !(anywhere && url.protocol === 'http:')) return { fault: 'must begin with https:' }
  if (url.username !== '' || url.password !== '') return { fault: 'must not hold a user name or a password' }
  if (text.includes('#')) return { fault: 'must not hold a fragment' }
  if (anywhere) return { url }
  if (url.port !== '') return { fault: 'must not name a port: deliveries go to 443' }
  const host = hostOf(url)
  if (isIP(host) !== 0 && !isPublicAddress(host)) return { fault: NOT_PUBLIC }
  return { url }
}

const NOT_PUBLIC = 'must lead to a public address'

/** The name, or the address without brackets. */
export function hostOf (url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '')
}

/**
 * The same, and whether each address that the name has now is public. It is asked again with each connection: a name may
 * lead elsewhere by then.
 */
export async function checkDestination (text: string, { anywhere, resolve }: DestinationTerms): Promise<{ readonly url: URL } | { readonly fault: string }> {
  const read = readDestination(text, anywhere)
  if ('fault' in read || anywhere) return read
  const host = hostOf(read.url)
  if (isIP(host) !== 0) return read
  try {
    const addresses = await resolve(host)
    return addresses.length > 0 && addresses.every(isPublicAddress) ? read : { fault: NOT_PUBLIC }
  } catch {
    return { fault: 'names a host that can\'t be found' }
  }
}
