/**
 * The names that a CommonJS module exports once (`exports.X = X`) and assigns again elsewhere: importers would keep the
 * first value.
 */
export function reassignedExports(program) {
  const exported = new Map();
  const assigned = new Set();
  const visit = (node, inner) => {
    if (typeof node !== 'object' || node === null) return;
    const hidden = isFunction(node) ? new Set([...inner, ...namesDeclaredIn(node)]) : inner;
    const assign = (target) => {
      for (const name of namesOf(target)) if (!hidden.has(name)) assigned.add(name);
    };
    if (node.type === 'UpdateExpression') assign(node.argument);
    else if (node.type === 'ForInStatement' || node.type === 'ForOfStatement') assign(node.left);
    else if (node.type === 'AssignmentExpression') {
      const { left, right } = node;
      if (left.type === 'MemberExpression' && left.object.name === 'exports' && right.type === 'Identifier')
        exported.set(right.name, left.property.name);
      else assign(left);
    }
    for (const value of Object.values(node)) visit(value, hidden);
  };
  visit(program, new Set());
  return [...exported].filter(([local]) => assigned.has(local)).map(([, name]) => name);
}

/** The variables that a target of an assignment or a declaration names. */
function namesOf(target) {
  switch (target?.type) {
    case 'Identifier':
      return [target.name];
    case 'AssignmentPattern':
      return namesOf(target.left);
    case 'RestElement':
      return namesOf(target.argument);
    case 'ArrayPattern':
      return target.elements.flatMap(namesOf);
    case 'ObjectPattern':
      return target.properties.flatMap((property) => namesOf(property.value ?? property));
    default:
      return [];
  }
}

function isFunction({ type }) {
  return type === 'FunctionDeclaration' || type === 'FunctionExpression' || type === 'ArrowFunctionExpression';
}

/** Its parameters and variables, those of its blocks too, and not those of functions in it. */
function namesDeclaredIn(fn) {
  const params = fn.params.items ?? fn.params;
  return [...params.flatMap(namesOf), ...namesBelow(fn.body)];
}

function namesBelow(node) {
  if (typeof node !== 'object' || node === null || isFunction(node)) return [];
  const own = node.type === 'VariableDeclarator' ? namesOf(node.id) : [];
  return [...own, ...Object.values(node).flatMap(namesBelow)];
}
