/** A secret of 32 bytes with the text and the hash that every implementation makes of it. docs/keys.md quotes them. */
export interface KeyVector {
  readonly prefix: string
  readonly tag: string
  /** Hexadecimal. */
  readonly secret: string
  readonly text: string
  /** SHA-256 of the text, base64url without padding. */
  readonly hash: string
}

export const vectors: readonly KeyVector[] = [
  {
    prefix: 'acme',
    tag: 'live',
    secret: '0000000000000000000000000000000000000000000000000000000000000000',
    text: 'acme_live_00000000000000000000000000000000000000000002psIG6',
    hash: 'hAWKnJ3l5QKwL6rrAmifiNYW8LkWqq7iM1glUFa847k',
  },
  {
    prefix: 'acme',
    tag: 'test',
    secret: '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f',
    text: 'acme_test_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf3CDqbm',
    hash: '4mIzkzmGspTpf6BvC9q0dV1RYa5i-Wdbg4crqSCiobs',
  },
  {
    prefix: 'my_2nd_app',
    tag: 'live',
    secret: 'ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
    text: 'my_2nd_app_live_yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp10PL5ZW',
    hash: 'QfUleH4MBETLNMzUAXhpiFHX4L15WMxR3jgz91cxmF4',
  },
]
