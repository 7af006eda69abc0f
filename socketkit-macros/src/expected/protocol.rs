#[automatically_derived]
impl ::socketkit::Protocol for Forum {
    type Client = ClientEvent;
    type Server = ::socketkit::NoEvents;
    type Room = u64;
    type Member = ::socketkit::NoMember;
}
