import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'

/** A file that browsers may keep for good, since its name changes with its content. */
export interface Asset {
  readonly name: string
  readonly type: string
  readonly content: Buffer
  readonly gzipped: Buffer
}

const SCRIPT = 'text/javascript; charset=utf-8'
const STYLE = 'text/css; charset=utf-8'
const MAP = 'application/json; charset=utf-8'

/** The element that the package ships, and its source map, which keeps its name: the element says it. */
export function readElement (): { script: Asset, map: Asset } {
  const file = fileURLToPath(import.meta.resolve('#element'))
  return {
    script: hashed('element', 'js', SCRIPT, readFileSync(file)),
    map: assetOf('element.js.map', MAP, readFileSync(`${file}.map`))
  }
}

export function styleOf (text: string): Asset {
  return hashed('page', 'css', STYLE, Buffer.from(text))
}

function hashed (name: string, ending: string, type: string, content: Buffer): Asset {
  const hash = createHash('sha256').update(content).digest('hex').slice(0, 16)
  return assetOf(`${name}-${hash}.${ending}`, type, content)
}

function assetOf (name: string, type: string, content: Buffer): Asset {
  return { name, type, content, gzipped: gzipSync(content) }
}
