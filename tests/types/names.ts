// In a page's plain scripts the global of `socketkit.global.js` has the same types.
declare const typing: "typing";
const forum: socketkit.Socket = socketkit.connect();
forum.emit(typing);
