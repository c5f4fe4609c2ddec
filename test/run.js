// npm test; npm run test:services; npm run test:one -- FILE …; node test/run.js --times: compiles everything once, then runs
// the compiled runner.
import { build } from './build.js'

const digest = await build()
const { main } = await import('../.build/test/runner/main.js')
process.exitCode = await main(digest, process.argv.slice(2))
