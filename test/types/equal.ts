/** True when both are the very same type; `any` is equal to itself only. */
export type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false

/** Compiles only for `true`. */
export declare function holds<Claim extends true> (...claims: Claim[]): void

/** `typeOf(value).is<Type>(true)` compiles where the value is of exactly this type. */
export declare function typeOf<T> (value: T): { is<Other> (claim: Equal<T, Other>): void }
