// The clock of this process, ahead of the machine's by as much as the driver says. Import it before anything that keeps `Date`.
const Machine = Date;
let ahead = 0;

const now = () => Machine.now() + ahead;

globalThis.Date = new Proxy(Machine, {
  apply: () => new Machine(now()).toString(),
  construct: (target, given) => new target(...(given.length === 0 ? [now()] : given)),
  get: (target, name) => (name === 'now' ? now : Reflect.get(target, name)),
});

export const advance = (milliseconds) => {
  ahead += milliseconds;
};
