package script

import (
	"sort"

	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir/diag"
)

// node is a place in a source text that the VM's line numbers stand for.
type node struct {
	file *diag.File
	n    syntax.Node
}

// nodes are all of them, numbered from 1. There are several for each expression,
// so they lie in pieces that are not moved as they become more, and the files,
// which are few, beside them.
type nodes struct {
	pieces [][]syntax.Node // of nodePiece each, the last one not full
	files  []nodeFile
}

const nodePiece = 256

// nodeFile says that the nodes from number from on are of a file, up to the next.
type nodeFile struct {
	from int
	file *diag.File
}

func (s *nodes) len() int {
	if len(s.pieces) == 0 {
		return 0
	}
	return nodePiece*(len(s.pieces)-1) + len(s.pieces[len(s.pieces)-1])
}

// add returns the number of n.
func (s *nodes) add(file *diag.File, n syntax.Node) int {
	id := s.len() + 1
	if k := len(s.files); k == 0 || s.files[k-1].file != file {
		s.files = append(s.files, nodeFile{id, file})
	}
	k := len(s.pieces)
	if k == 0 || len(s.pieces[k-1]) == nodePiece {
		s.pieces = append(s.pieces, make([]syntax.Node, 0, nodePiece))
		k++
	}
	s.pieces[k-1] = append(s.pieces[k-1], n)
	return id
}

// at returns number id.
func (s *nodes) at(id int) node {
	k := sort.Search(len(s.files), func(i int) bool { return s.files[i].from > id })
	return node{s.files[k-1].file, s.pieces[(id-1)/nodePiece][(id-1)%nodePiece]}
}
