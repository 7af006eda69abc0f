const script = globalThis.document?.currentScript?.src ?? globalThis.location?.href;
const contract = "__CONTRACT__";
globalThis.socketkit = { connect: (url, options) => connect(url, { contract, ...options }), CallError };
