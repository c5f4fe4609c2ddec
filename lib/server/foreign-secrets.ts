/** How secrets of another system are recognised: what the log needs of `keys.formats`. */
export interface SecretFormat {
  readonly prefix?: string | undefined
  readonly pattern?: RegExp | undefined
}

/** Shorter ones are words. A secret with a slash is found where it is the whole of a value. */
const RUNS = [/[\w.~+=-]{8,}/g, /[\w.~+/=-]{8,}/g]

/** Removes secrets of these formats from a line of JSON, which stays JSON. */
export function createForeignRedactor (formats: Readonly<Record<string, SecretFormat>>): (line: string) => string {
  const all = Object.values(formats)
  const prefixes = all.flatMap(({ prefix }) => prefix === undefined ? [] : [runAfter(prefix)])
  const wholes = all.flatMap(({ pattern }) => pattern === undefined ? [] : [wholeOf(pattern)])
  const isSecret = (run: string): boolean => wholes.some((whole) => whole.test(run))
  return (line) => {
    let text = line
    for (const prefix of prefixes) {
      text = text.replace(prefix, (run: string, at: number) => isNumber(text, run, at) ? run : '…')
    }
    if (wholes.length === 0) return text
    for (const runs of RUNS) {
      text = text.replace(runs, (run: string, at: number) => isSecret(run) && !isNumber(text, run, at) ? '…' : run)
    }
    return text
  }
}

/** What begins with a prefix, as JSON writes it. */
function runAfter (prefix: string): RegExp {
  const written = JSON.stringify(prefix).slice(1, -1).replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&')
  return new RegExp(`(?<![0-9A-Za-z])${written}[\\w.~+/=-]+`, 'g')
}

/** Without flags that make a pattern remember where it stopped. */
function wholeOf ({ source, flags }: RegExp): RegExp {
  return new RegExp(`^(?:${source})$`, flags.replace(/[gy]/g, ''))
}

/** A number of the line, such as its time, which no quotes surround: in a text, a quote before it is escaped. */
function isNumber (line: string, run: string, at: number): boolean {
  return /^\d+$/.test(run) && /(?<!\\)":$/.test(line.slice(Math.max(0, at - 3), at))
}
