import { createPrivateKey, generateKeyPairSync, randomBytes, sign } from 'node:crypto'

/** A fresh key and a self-signed certificate of `localhost` and `127.0.0.1`, good for a day (RFC 5280). */
export function selfSigned (): { key: string, cert: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', {
    namedCurve: 'prime256v1',
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'der' }
  })
  const ecdsaWithSha256 = sequence(oid('2a8648ce3d040302'))
  const name = sequence(der(SET, sequence(oid('550403'), der(UTF8, Buffer.from('localhost')))))
  const alternatives = sequence(der(DNS_NAME, Buffer.from('localhost')), der(IP_ADDRESS, Buffer.from([127, 0, 0, 1])))
  const extension = sequence(oid('551d11'), der(OCTETS, alternatives))
  const body = sequence(
    der(VERSION, der(INTEGER, Buffer.from([2]))),
    der(INTEGER, Buffer.concat([Buffer.from([1]), randomBytes(15)])),
    ecdsaWithSha256,
    name,
    sequence(time(-3600_000), time(86_400_000)),
    name,
    publicKey,
    der(EXTENSIONS, sequence(extension))
  )
  const signature = sign('sha256', body, createPrivateKey(privateKey))
  const cert = sequence(body, ecdsaWithSha256, der(BITS, Buffer.from([0]), signature)).toString('base64')
  const lines = cert.match(/.{1,64}/g) ?? []
  return { key: privateKey, cert: `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n` }
}

const INTEGER = 0x02
const BITS = 0x03
const OCTETS = 0x04
const OID = 0x06
const UTF8 = 0x0c
const UTC_TIME = 0x17
const SEQUENCE = 0x30
const SET = 0x31
const DNS_NAME = 0x82
const IP_ADDRESS = 0x87
const VERSION = 0xa0
const EXTENSIONS = 0xa3

/** A value in DER: what it is, its length, and its parts. */
function der (tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts)
  const { length } = content
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255]
  return Buffer.concat([Buffer.from([tag, ...size]), content])
}

function sequence (...parts: readonly Buffer[]): Buffer {
  return der(SEQUENCE, ...parts)
}

function oid (hex: string): Buffer {
  return der(OID, Buffer.from(hex, 'hex'))
}

function time (fromNow: number): Buffer {
  const digits = new Date(Date.now() + fromNow).toISOString().replace(/[-:T]|\.\d+/g, '')
  return der(UTC_TIME, Buffer.from(digits.slice(2)))
}
