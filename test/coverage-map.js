import { readdirSync } from 'node:fs'
import { join } from 'node:path'

const sources = readdirSync('lib', { recursive: true }).filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts')).map((file) => join('lib', file))

/** tap's coverage-map: coverage is demanded of the library, whichever test runs it. */
export default () => sources
