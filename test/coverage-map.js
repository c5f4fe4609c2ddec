import { readdirSync } from 'node:fs'
import { join } from 'node:path'

/** Views of the web component: they run in a browser alone, where the tests of test/console click them. */
const browser = join('console', 'element', 'ui')

const sources = readdirSync('lib', { recursive: true })
  .filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts') && !file.startsWith(browser))
  .map((file) => join('lib', file))

/** tap's coverage-map: coverage is demanded of the library, whichever test runs it. */
export default () => sources
