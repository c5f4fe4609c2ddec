import { run } from './child.js'

/** Runs a printed line of curl by a shell, as somebody who copies it does. @returns the status of the response */
export async function runCurl (line: string): Promise<number> {
  const { stdout } = await run(['sh', '-c', `${line} -s`])
  return Number(stdout.split(/[ \r\n]/)[1])
}
