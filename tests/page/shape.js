// Elements, attributes and texts of the page, without what the reader and time
// change. The body of a function.
const lines = [];
const walk = (element, depth) => {
  if (element.nodeName === 'NOSCRIPT') return;
  const attributes = [...element.attributes]
    .filter(({ name }) => name !== 'open')
    .map(({ name, value }) => `${name}=${value}`)
    .sort();
  lines.push(`${' '.repeat(depth)}${element.nodeName} ${attributes.join(' ')}`);
  if (element.classList.contains('ago')) return;
  for (const child of element.childNodes) {
    if (child.nodeType === Node.ELEMENT_NODE) walk(child, depth + 1);
    else if (child.data.trim()) lines.push(`${' '.repeat(depth + 1)}${child.data.trim()}`);
  }
};
walk(document.documentElement, 0);
return lines.join('\n');
