/** Reads the time: milliseconds since the Unix epoch, as `Date.now` returns it. */
export type Clock = () => number

/** Something did not settle in time. */
export class DeadlineExceeded extends Error {
  constructor (what: string, seconds: number) {
    super(`${what} did not answer within ${seconds} s`)
    this.name = 'DeadlineExceeded'
  }
}

/** Settles as `work` does, or rejects with `DeadlineExceeded` after `seconds`. */
export function withTimeout<T> (work: PromiseLike<T>, seconds: number, what: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new DeadlineExceeded(what, seconds)), seconds * 1000)
    work.then(
      (value) => { clearTimeout(timer); resolve(value) },
      (error: unknown) => { clearTimeout(timer); reject(error) }
    )
  })
}

export function isThenable<T> (value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}
