import { join } from 'node:path'
import type { Test } from 'tap'
import { root, run } from './child.js'

const offline = { REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' }

/** What Redocly's recommended rules find in an OpenAPI document, errors and warnings alike. */
export async function lint (t: Test, document: object): Promise<{ problems: unknown[], version: unknown }> {
  const directory = t.testdir({ 'openapi.json': JSON.stringify(document) })
  const cli = join(root, 'node_modules/@redocly/cli/bin/cli.js')
  const { stdout, stderr } = await run([process.execPath, cli, 'lint', 'openapi.json', '--extends=recommended', '--format=json'], directory, offline)
  t.match(stdout, /^\{/, 'the linter ran', { diagnostic: false, stderr })
  return JSON.parse(stdout)
}
