export class ControlObject {}; export class RoomObject {}; export class GateObject {}; export class InsightObject {}; export default {fetch() {return new Response()}}
