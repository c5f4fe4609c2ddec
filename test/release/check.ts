// npm run check:release: says what still keeps a release from being published.
import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { missing } from './missing.js'

const { values: { tag } } = parseArgs({ options: { tag: { type: 'string' } } })
const [manifest, changelog, security] = await Promise.all(['package.json', 'CHANGELOG.md', 'SECURITY.md'].map((file) => readFile(file, 'utf8')))
const found = missing({ manifest: JSON.parse(manifest ?? ''), changelog: changelog ?? '', security: security ?? '', ...tag !== undefined && { tag } })
for (const sentence of found) console.error(`- ${sentence}`)
console.error(found.length === 0 ? 'ready to be released' : `${found.length} left; docs/releasing.md explains each`)
process.exitCode = found.length === 0 ? 0 : 1
