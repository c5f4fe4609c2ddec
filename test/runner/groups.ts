import { readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { helpersOf } from './needs.js'

/** Helpers that start a process or a database, or weigh the memory of the process. */
const ALONE = ['child', 'pglite', 'redis-server', 'postgres', 'browser', 'heap']

/**
 * What uses the `t` of the whole file (esbuild calls those of its tests `t2`): tap ends all tests of the process once it has
 * had something to tear down and has nothing to do.
 */
const HOLDS = /[(,{] ?t ?[,)}]|\bt\.teardown\(/

/** Most files that share a process. */
const MOST = 12

/** Divides compiled test files by process: what starts nothing of its own shares one with its neighbours in the folder. */
export function groupFiles (files: readonly string[]): string[][] {
  const alone = new Set(files.filter((file) =>
    HOLDS.test(readFileSync(file, 'utf8')) || ALONE.some((helper) => helpersOf(file).has(helper))))
  const groups = new Map<string, string[][]>()
  for (const file of files) {
    if (alone.has(file)) continue
    const folder = groups.get(dirname(file)) ?? []
    const last = folder.at(-1)
    if (last === undefined || last.length === MOST) folder.push([file])
    else last.push(file)
    groups.set(dirname(file), folder)
  }
  return [...[...alone].map((file) => [file]), ...[...groups.values()].flat()]
}
