import { join } from 'node:path'
import { startChild } from './child.js'
import { Bytes } from './messages.js'

const kinds = ['window', 'bucket', 'sliding', 'keyRecord', 'cachedKey', 'glued'] as const

export type HeapPerCredential = Record<typeof kinds[number] | 'credentials', number>

/** Bytes that a process keeps per active credential; each kind in a process of its own. */
export async function heapPerCredential (folder: string, credentials: number, say: (text: string) => void): Promise<HeapPerCredential> {
  const bytes: HeapPerCredential = { credentials, window: NaN, bucket: NaN, sliding: NaN, keyRecord: NaN, cachedKey: NaN, glued: NaN }
  for (const name of kinds) {
    const child = startChild(join(folder, 'test/bench/heap/weigh.js'), [], ['--expose-gc', '--max-old-space-size=4096'])
    try {
      bytes[name] = Math.round(await child.ask('weigh', { name, count: credentials }, Bytes))
      say(`heap     ${String(bytes[name]).padStart(6)} B   ${name}`)
    } finally {
      await child.stop()
    }
  }
  return bytes
}
