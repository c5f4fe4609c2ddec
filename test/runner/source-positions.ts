import { existsSync, readFileSync } from 'node:fs'
import { SourceMap } from 'node:module'
import { dirname, relative, resolve } from 'node:path'

const POSITION = /(?:file:\/\/)?[\w./-]*\.build\/[\w./-]+\.js:\d+:\d+/g

/**
 * Positions in compiled files, as those in the sources. Only a file that failed needs them: `node --enable-source-maps`
 * would read every map of every process.
 */
export function toSourcePositions (output: string): string {
  const maps = new Map<string, SourceMap | undefined>()
  return output.replace(POSITION, (position) => {
    const [file = '', line, column] = position.replace(/^file:\/\//, '').split(':')
    if (!maps.has(file)) maps.set(file, mapOf(file))
    const origin = maps.get(file)?.findOrigin(Number(line), Number(column))
    if (origin === undefined || !('fileName' in origin)) return position
    return `${relative('.', resolve(dirname(file), origin.fileName))}:${origin.lineNumber}:${origin.columnNumber}`
  })
}

function mapOf (file: string): SourceMap | undefined {
  return existsSync(`${file}.map`) ? new SourceMap(JSON.parse(readFileSync(`${file}.map`, 'utf8'))) : undefined
}
