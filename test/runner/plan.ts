import { helpersOf } from './needs.js'
import type { Service } from './services.js'

/** What keeps files from running on this machine. */
export interface Group { readonly name: string, readonly lacks: readonly string[], readonly files: readonly string[] }

export interface Plan { readonly files: readonly string[], readonly left: readonly Group[] }

/** Divides compiled test files into those that can run here, and the groups that can't. */
export function planFiles (files: readonly string[], services: readonly Service[]): Plan {
  const left = services.map(({ name, helper, missing, installs }) => {
    const lacks = helper === undefined ? [] : installs === undefined ? missing() : [installs]
    return { name, lacks, files: lacks.length === 0 ? [] : files.filter((file) => helpersOf(file).has(String(helper))) }
  }).filter((group) => group.files.length > 0)
  const without = new Set(left.flatMap((group) => group.files))
  return { files: files.filter((file) => !without.has(file)), left }
}

/** What the last lines of a run say of groups that were left out. */
export function describeLeft (left: readonly Group[]): string[] {
  if (left.length === 0) return []
  return [
    '',
    'Not run on this machine:',
    ...left.map(({ name, lacks, files }) => `  ${name}: ${count(files.length, 'file')} without ${lacks.join(', ')}`),
    'This installs what is missing, and runs everything: npm run test:services',
    ''
  ]
}

function count (number: number, word: string): string {
  return `${number} ${word}${number === 1 ? '' : 's'}`
}
