import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import type { FastifyReply, FastifyRequest } from 'fastify'

/** A file for browsers. */
export interface Asset {
  readonly name: string
  /** Of its content. */
  readonly hash: string
  readonly type: string
  readonly content: Buffer
  readonly gzipped: Buffer
}

const SCRIPT = 'text/javascript; charset=utf-8'
const STYLE = 'text/css; charset=utf-8'
const MAP = 'application/json; charset=utf-8'

interface Element { readonly script: Asset, readonly map: Asset }

let element: Element | undefined

/**
 * The element that the package ships, named by its content, and its source map, whose name the element says. It is read
 * and compressed once, for all pages of a process.
 */
export function readElement (): Element {
  element ??= elementIn(fileURLToPath(import.meta.resolve('#element')))
  return element
}

function elementIn (file: string): Element {
  return {
    script: assetOf((hash) => `element-${hash}.js`, SCRIPT, readFileSync(file)),
    map: assetOf(() => 'element.js.map', MAP, readFileSync(`${file}.map`))
  }
}

export function styleOf (text: string): Asset {
  return assetOf((hash) => `page-${hash}.css`, STYLE, Buffer.from(text))
}

function assetOf (nameOf: (hash: string) => string, type: string, content: Buffer): Asset {
  const hash = createHash('sha256').update(content).digest('hex').slice(0, 16)
  return { name: nameOf(hash), hash, type, content, gzipped: gzipSync(content) }
}

/** Sends a file, compressed where the browser takes that. @param caching value of Cache-Control */
export function sendAsset ({ headers }: FastifyRequest, reply: FastifyReply, asset: Asset, caching: string): void {
  reply.type(asset.type).headers({
    'cache-control': caching,
    'cross-origin-resource-policy': 'same-origin',
    vary: 'accept-encoding',
    'x-content-type-options': 'nosniff'
  })
  if (!/\bgzip\b(?!;q=0)/.test(headers['accept-encoding'] ?? '')) reply.send(asset.content)
  else reply.header('content-encoding', 'gzip').send(asset.gzipped)
}
