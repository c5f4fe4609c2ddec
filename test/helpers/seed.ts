import fc from 'fast-check'

/** Property tests try the same cases at every run, so that a failure is of the change; FC_SEED=1 and so on tries others. */
fc.configureGlobal({ seed: Number(process.env.FC_SEED ?? 20_261_123) })
