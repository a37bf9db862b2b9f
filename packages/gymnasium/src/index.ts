export * from './errors.js'
export * from './seeding.js'
