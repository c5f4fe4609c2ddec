// npm run mutate -- [options]: compiles everything as for tests, then changes lib/ in a copy of it, one place at a time.
import { build } from './build.js'

await build()
const { main } = await import('../.build/test/mutate/main.js')
process.exitCode = await main(process.argv.slice(2))
