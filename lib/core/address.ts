import { isIP } from 'node:net'

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
