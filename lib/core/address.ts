import { isIP } from 'node:net'
import { normalizeIP } from '@fastify/rate-limit'

/**
 * Cuts the port off `request.ip`. Some proxies write it into `X-Forwarded-For` (`203.0.113.7:1234`,
 * `[2001:db8::1]:443`), and each connection of a client would count as an address of its own.
 */
export function withoutPort (ip: string): string {
  if (isIP(ip) !== 0) return ip
  const [, address = ip] = IN_BRACKETS.exec(ip) ?? WITH_PORT.exec(ip) ?? []
  return address
}

const IN_BRACKETS = /^\[([^\]]*)\](?::\d*)?$/
/** After the only colon, or after an IPv4 address at the end of an IPv6 address. */
const WITH_PORT = /^([^:]*|.*\.\d+):\d*$/

/** An IPv6 address has at most 45 characters, but `trustProxy: true` takes any text of a client for its address. */
const MAX_LENGTH = 64

/**
 * What is counted as one address: an IPv4 address, also where IPv6 maps it, or the /64 of an IPv6 address, by its first
 * address, without port and zone. Clients of a Unix socket, and those whose connection is closed, are `unknown`. The
 * text is copied, because a substring keeps the whole header in memory.
 */
export function countedAddress (ip: string | undefined): string {
  return Buffer.from(normalizeIP(withoutPort(ip ?? 'unknown'))).toString('utf8', 0, MAX_LENGTH)
}
