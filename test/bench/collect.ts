/** Collects garbage now. @throws Error in a process that was started without --expose-gc */
export function collect (type: 'major' | 'minor'): void {
  if (globalThis.gc === undefined) throw new Error('started without --expose-gc')
  globalThis.gc({ type })
}
