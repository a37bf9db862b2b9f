export * from './policyData.js'
export * from './runtime.js'
