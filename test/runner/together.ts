import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

// Runs test files one after the other in this process, where tap, Fastify and lib/ are loaded once. They are named in
// the environment: tap names folders after a program's arguments.
for (const file of (process.env.TEST_FILES ?? '').split(' ')) await import(pathToFileURL(join(process.cwd(), file)).href)
