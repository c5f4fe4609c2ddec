// npm run test:one -- test/keys/text.test.ts …: these test files alone, two at a time, without coverage.
import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import './build.js'

const files = process.argv.slice(2)
if (files.length === 0) throw new Error('no test file was given: npm run test:one -- test/keys/text.test.ts')
const next = files.values()
await Promise.all([work(), work()])

async function work () {
  for (const file of next) {
    const began = performance.now()
    const compiled = `.build/${file.replace(/\.ts$/, '.js')}`
    const child = spawn(process.execPath, ['--enable-source-maps', compiled], { env: { ...process.env, TAP_TIMEOUT: '300' }, stdio: ['ignore', 'pipe', 'inherit'] })
    const code = new Promise((resolve) => child.once('close', resolve))
    const output = await text(child.stdout)
    const failed = await code !== 0 || !/^# \{ total: \d+, pass: \d+ \}$/m.test(output)
    if (failed) process.exitCode = 1
    // Of a file that failed, all that tap printed but the assertions that passed.
    if (failed) console.log(output.replace(/^ *ok \d.*\n/gm, ''))
    const counts = /^# \{ (.*) \}$/m.exec(output)?.[1] ?? 'no totals'
    console.log(`${failed ? 'FAILED' : 'ok'} ${file}: ${counts} (${((performance.now() - began) / 1000).toFixed(1)} s)`)
  }
}
