import { BlockList, isIP } from 'node:net'

type Subnet = readonly [address: string, bits: number]

/** Not globally reachable by the IANA IPv4 Special-Purpose Address Registry, and multicast and reserved ones. */
const closedV4: readonly Subnet[] = [
  ['0.0.0.0', 8], ['10.0.0.0', 8], ['100.64.0.0', 10], ['127.0.0.0', 8], ['169.254.0.0', 16], ['172.16.0.0', 12],
  ['192.0.0.0', 24], ['192.0.2.0', 24], ['192.31.196.0', 24], ['192.52.193.0', 24], ['192.88.99.0', 24],
  ['192.168.0.0', 16], ['192.175.48.0', 24], ['198.18.0.0', 15], ['198.51.100.0', 24], ['203.0.113.0', 24],
  ['224.0.0.0', 4], ['240.0.0.0', 4]
]

/** Inside 2000::/3, the only global unicast block: protocols, documentation, and IPv4 addresses inside of 6to4. */
const closedV6: readonly Subnet[] = [
  ['2001::', 23], ['2001:db8::', 32], ['2002::', 16], ['2620:4f:8000::', 48], ['3fff::', 20]
]

const open = new BlockList()
open.addSubnet('2000::', 3, 'ipv6')
const closed = new BlockList()
for (const [net, bits] of closedV4) closed.addSubnet(net, bits, 'ipv4')
for (const [net, bits] of closedV6) closed.addSubnet(net, bits, 'ipv6')

/**
 * True for an IP address of the open internet. False for everything else: private, loopback, link-local, shared,
 * IPv4-mapped, NAT64 and 6to4 addresses, addresses with a zone, and text that is no address.
 */
export function isPublicAddress (address: string): boolean {
  const family = isIP(address)
  if (family === 4) return !closed.check(address, 'ipv4')
  return family === 6 && !address.includes('%') && open.check(address, 'ipv6') && !closed.check(address, 'ipv6')
}
